// The part of Mesos's HTTP checks that its v1 APIs share, master and agent alike: methods, content
// types, what Accept allows, texts of refusals. Values only; the servers translate.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesos/codec.hpp"

namespace local {

struct HttpRequest {
  std::string method;
  std::string path;                                          // Undecoded, without the query.
  std::string query;                                         // Undecoded, without '?'.
  std::vector<std::pair<std::string, std::string>> headers;  // Names compare without case.
  std::string body;
};

struct HttpAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool stream = false;  // The body follows record by record.
};

using mesos_client::Codec;

const std::string* find_header(const HttpRequest& request, std::string_view name);

// Plain text with Mesos's Content-Type; an empty text gets none.
HttpAnswer text_answer(int status, std::string text);
HttpAnswer json_answer(std::string body);
inline HttpAnswer accepted() { return {.status = 202}; }

// 405 with Allow, in the words of Mesos.
HttpAnswer method_not_allowed(std::string_view received);
HttpAnswer not_found();
HttpAnswer unauthorized(std::string_view realm);
HttpAnswer not_acceptable();

// What a POST to a v1 API must pass before its body is looked at: method, then Content-Type, compared
// to the letter (a charset parameter or another case is 415). The format of the body, or the refusal.
struct BodyFormat {
  std::optional<Codec> format;
  HttpAnswer refusal;  // Meaningful without format.
};
BodyFormat body_format(const HttpRequest& request);

// The format of the answer: JSON first, then protobuf; no Accept or */* is JSON; q=0 excludes, other
// weights are not ranked. nullopt is 406.
std::optional<Codec> answer_format(const HttpRequest& request);

// Routing of Mesos: the first component of the path is a process ("master", "slave(1)", possibly
// percent-encoded) or, if it is none, the path belongs to `delegate`. Returns the rest, such as
// "api/v1/scheduler"; nullopt for paths with "/.." in them.
std::optional<std::string> path_in_process(std::string_view path, std::string_view delegate);

// True if `path` is `prefix` or goes on below it: unknown tails are cut off.
bool under(std::string_view path, std::string_view prefix);

// Requests that claim to come from another Mesos process are taken for its internal messages.
bool claims_to_be_libprocess(const HttpRequest& request);

// The user and secret of a Basic Authorization header, under Mesos's strict reading: "Basic" in this
// case, one blank, exactly one colon in the decoded text.
std::optional<std::pair<std::string, std::string>> basic_credentials(const HttpRequest& request);

// 16 bytes with a version nibble of 1 to 5; the variant bits are not looked at.
bool valid_uuid(std::string_view bytes);

// Mesos: common validation of ids; the text of the refusal.
std::optional<std::string> invalid_id(std::string_view id);

}  // namespace local
