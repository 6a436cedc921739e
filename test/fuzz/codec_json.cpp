// JSON bodies and events: what decodes, encodes and decodes to the same in both codecs; what does not,
// says why.
#include "fuzz.hpp"
#include "mesos/codec.hpp"
#include "mesos/json.hpp"
#include "messages.hpp"

void fuzz::codec_json(std::string_view bytes) {
  const auto message = message_of(take_byte(bytes));
  const auto status = mesos_client::decode(mesos_client::Codec::json, bytes, *message);
  if (!status) {
    require(status.error().message().starts_with("Failed to "), "a refusal is one of Mesos's");
    return;
  }
  require(message->IsInitialized(), "what is taken has every required field");
  // Mesos takes "Infinity" for a number and so do we; JSON has no words for it.
  make_speakable(*message);
  check_message(*message);
}
