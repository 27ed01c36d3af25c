/* What /proc and the cgroups tell of processes, for JavaScript: its own file functions throw for whoever is gone. */
#include <napi.h>

#include "blocked-calls.h"
#include "cgroup-members.h"
#include "faces.h"
#include "process-facts.h"

namespace {

/* (where the unified hierarchy is mounted, cgroup id) → thread group ids, or undefined where that cannot be asked */
Napi::Value cgroup_members(const Napi::CallbackInfo &info) {
  static std::string mounted;
  static int mount = -1;
  const std::string path = info[0].As<Napi::String>();
  if (path != mounted) {
    if (mount >= 0) close(mount);
    mount = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mounted = path;
  }
  bool lossless = false;
  const auto found = members_of_cgroup(mount, info[1].As<Napi::BigInt>().Uint64Value(&lossless));
  if (!found) return info.Env().Undefined();
  Napi::Array out = Napi::Array::New(info.Env(), found->size());
  for (uint32_t at = 0; at < found->size(); at++) out.Set(at, Napi::Number::New(info.Env(), (*found)[at]));
  return out;
}

/* (thread group ids, mount namespace, whether 32-bit programs may be among them) → pid, tid, compat, number … */
Napi::Value blocked(const Napi::CallbackInfo &info) {
  const auto given = info[0].As<Napi::Array>();
  std::vector<int> pids;
  for (uint32_t at = 0; at < given.Length(); at++) pids.push_back(given.Get(at).As<Napi::Number>().Int32Value());
  const std::vector<BlockedCall> found =
      blocked_calls(pids, info[1].As<Napi::Number>().Uint32Value(), info[2].ToBoolean());
  Napi::Float64Array out = Napi::Float64Array::New(info.Env(), found.size() * 4);
  double *to = out.Data();
  for (const BlockedCall &one : found) {
    *to++ = one.pid;
    *to++ = one.tid;
    *to++ = one.compat;
    *to++ = static_cast<double>(one.nr);
  }
  return out;
}

/* (pid) → number of its mount namespace; 0 when it is gone */
Napi::Value mntns(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), mntns_of(info[0].As<Napi::Number>().Int32Value()));
}

/* (pid) → clock ticks since boot at its start; 0 when it is gone or dead */
Napi::Value start_time(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(start_time_of(info[0].As<Napi::Number>().Int32Value())));
}

/* (pid) → whether there is such a process */
Napi::Value there(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), is_there(info[0].As<Napi::Number>().Int32Value()));
}

}  // namespace

void process_faces(Napi::Env env, Napi::Object exports) {
  exports.Set("blockedCalls", Napi::Function::New(env, blocked));
  exports.Set("cgroupMembers", Napi::Function::New(env, cgroup_members));
  exports.Set("mntnsOf", Napi::Function::New(env, mntns));
  exports.Set("isThere", Napi::Function::New(env, there));
  exports.Set("startTimeOf", Napi::Function::New(env, start_time));
}
