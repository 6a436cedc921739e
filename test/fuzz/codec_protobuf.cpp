// Binary bodies and events: what decodes, encodes and decodes to the same; and what JSON has words for
// survives JSON.
#include "fuzz.hpp"
#include "mesos/codec.hpp"
#include "messages.hpp"

void fuzz::codec_protobuf(std::string_view bytes) {
  using mesos_client::Codec;
  const auto message = message_of(take_byte(bytes));
  if (!mesos_client::decode(Codec::protobuf, bytes, *message)) return;
  require(message->IsInitialized(), "what is taken has every required field");

  const std::string sent = mesos_client::encode(Codec::protobuf, *message);
  const std::unique_ptr<google::protobuf::Message> again(message->New());
  require(static_cast<bool>(mesos_client::decode(Codec::protobuf, sent, *again)), "what we encode we decode");
  require(bytes_of(*again) == sent, "it encodes to the same again");

  make_speakable(*message);
  check_message(*message);
}
