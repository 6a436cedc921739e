// What ThreadSanitizer is to let pass in this program: the libraries below are Debian's, built without it,
// so that it does not see how they lock. Our own code is judged as everywhere.

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libgrpc.so\n"
         "race:libgrpc++.so\n"
         "race:libgpr.so\n"
         "race:libupb.so\n"
         "race:libabsl\n"
         "race:libprotobuf.so\n"
         "race:libssl.so\n"
         "race:libcrypto.so\n"
         // What their headers put into our objects.
         "race:grpc::\n"
         "race:google::protobuf\n";
}
#endif
#endif
