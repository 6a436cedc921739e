// Authorities and certificates for a test, made by the openssl program; nothing that could grow old.
#pragma once

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "platform/child_process.hpp"

namespace diego {

class Certificates {
 public:
  Certificates() {
    std::string made = "/tmp/diego-locket-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    folder_ = made;
    authority("ca");
    authority("stranger-ca");
    sign("server", "ca", "IP:127.0.0.1", 2);
    sign("misnamed", "ca", "DNS:locket.example", 2);
    sign("expired-server", "ca", "IP:127.0.0.1", -1);
    sign("client", "ca", "DNS:locket-client", 2);
    sign("expired-client", "ca", "DNS:locket-client", -1);
    sign("stranger", "stranger-ca", "IP:127.0.0.1", 2);
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  const std::string& folder() const { return folder_; }
  std::string cert(const std::string& name) const { return folder_ + "/" + name + ".pem"; }
  std::string key(const std::string& name) const { return folder_ + "/" + name + ".key"; }

 private:
  static std::string new_key(const std::string& name) {
    return " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key -subj /CN=" + name;
  }
  void authority(const std::string& name) {
    run("openssl req -x509" + new_key(name) + " -days 2 -out " + name + ".pem");
  }
  void sign(const std::string& name, const std::string& ca, const std::string& for_whom, int days) {
    run("openssl req" + new_key(name) + " -out " + name + ".csr && echo subjectAltName=" + for_whom + " > " + name +
        ".ext && openssl x509 -req -in " + name + ".csr -CA " + ca + ".pem -CAkey " + ca +
        ".key -CAcreateserial -days " + std::to_string(days) + " -extfile " + name + ".ext -out " + name + ".pem");
  }
  void run(const std::string& line) {
    platform::Command command;
    command.argv = {"sh", "-c", line};
    command.environment = platform::own_environment();
    command.directory = folder_;
    command.stdout_file = command.stderr_file = folder_ + "/log";
    auto child = platform::ChildProcess::start(command);
    REQUIRE(child);
    REQUIRE(child->wait(std::chrono::seconds(60)) == 0);
  }
  std::string folder_;
};

}  // namespace diego
