/* durable-files.h for JavaScript. The types are in native/durable-files.ts. */
#include <napi.h>
#include <string.h>

#include <utility>

#include "addon/exports.h"
#include "addon/files/durable-files.h"

namespace secco {

namespace {

/*
 * FileWork writes or removes all files of a batch in one turn of a worker thread: the six turns that node:fs takes for
 * each file cost more than the writing.
 */
class FileWork : public Napi::AsyncWorker {
 public:
  FileWork(Napi::Env env, std::string folder, std::vector<DurableFile> files, bool writes, mode_t mode)
      : Napi::AsyncWorker(env),
        done_(Napi::Promise::Deferred::New(env)),
        folder_(std::move(folder)),
        files_(std::move(files)),
        writes_(writes),
        mode_(mode) {}
  Napi::Promise promise() const { return done_.Promise(); }
  void Execute() override { failure_ = writes_ ? write_files(folder_, files_, mode_) : remove_files(folder_, files_); }
  void OnOK() override {
    if (failure_.code == 0) {
      done_.Resolve(Env().Undefined());
      return;
    }
    Napi::Error error = Napi::Error::New(Env(), strerror(failure_.code));
    error.Set("errno", Napi::Number::New(Env(), failure_.code));
    error.Set("file", Napi::String::New(Env(), failure_.name));
    done_.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred done_;
  std::string folder_;
  std::vector<DurableFile> files_;
  bool writes_;
  mode_t mode_;
  FileFailure failure_;
};

/* (folder, names, contents, mode) → a promise */
Napi::Value write_many(const Napi::CallbackInfo &info) {
  const auto names = info[1].As<Napi::Array>(), contents = info[2].As<Napi::Array>();
  std::vector<DurableFile> files;
  for (uint32_t at = 0; at < names.Length(); at++) {
    const auto bytes = contents.Get(at).As<Napi::Uint8Array>();
    files.push_back({names.Get(at).As<Napi::String>(),
                     std::string(reinterpret_cast<const char *>(bytes.Data()), bytes.ByteLength())});
  }
  auto *work = new FileWork(info.Env(), info[0].As<Napi::String>(), std::move(files), true,
                            info[3].As<Napi::Number>().Uint32Value());
  work->Queue();
  return work->promise();
}

/* (folder, names) → a promise */
Napi::Value remove_many(const Napi::CallbackInfo &info) {
  const auto names = info[1].As<Napi::Array>();
  std::vector<DurableFile> files;
  for (uint32_t at = 0; at < names.Length(); at++) files.push_back({names.Get(at).As<Napi::String>(), ""});
  auto *work = new FileWork(info.Env(), info[0].As<Napi::String>(), std::move(files), false, 0);
  work->Queue();
  return work->promise();
}

}  // namespace

void export_durable_files(Napi::Env env, Napi::Object exports) {
  exports.Set("writeFiles", Napi::Function::New(env, write_many));
  exports.Set("removeFiles", Napi::Function::New(env, remove_many));
}

}  // namespace secco
