// The messages that come off Mesos's streams and bodies, by number; for the codec's targets.
#pragma once

#include <google/protobuf/message.h>

#include <memory>

#include "fuzz.hpp"

namespace fuzz {

// An empty message of the kind that `choice` names.
std::unique_ptr<google::protobuf::Message> message_of(unsigned choice);

// Two initialised messages are equal to the byte.
std::string bytes_of(const google::protobuf::Message& message);

// Removes what JSON has no words for: unknown fields, numbers that are not finite, bytes that are not
// UTF-8 in strings.
void make_speakable(google::protobuf::Message& message);

// What must hold of a message that was read, whatever it was read from: both codecs carry it to the
// byte, whether or not its defaults are shown, and tell scheduler and executor the same of it.
void check_message(const google::protobuf::Message& message);

}  // namespace fuzz
