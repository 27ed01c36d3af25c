/* Functions for JavaScript that read /proc and cgroups. Those of node:fs throw for each process that is gone. */
#include <fcntl.h>
#include <napi.h>
#include <unistd.h>

#include <string>

#include "addon/exports.h"
#include "addon/processes/blocked-calls.h"
#include "addon/processes/cgroup-members.h"
#include "addon/processes/process-facts.h"

namespace secco {

namespace {

/* (mount point of the unified hierarchy, cgroup id) → thread group ids, or undefined if the kernel does not allow it */
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

/* (thread group ids, mount namespace, whether 32-bit programs may be among them) → pid, tid, compat, number, … */
Napi::Value get_blocked_calls(const Napi::CallbackInfo &info) {
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

/* (pid) → inode number of its mount namespace; 0 if it is gone */
Napi::Value get_mntns(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), mntns_of(info[0].As<Napi::Number>().Int32Value()));
}

/* (pid) → clock ticks from boot to its start; 0 if it is gone or dead */
Napi::Value get_start_time(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(start_time_of(info[0].As<Napi::Number>().Int32Value())));
}

/* (pid) → whether there is such a process */
Napi::Value get_is_there(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), is_there(info[0].As<Napi::Number>().Int32Value()));
}

}  // namespace

void export_processes(Napi::Env env, Napi::Object exports) {
  exports.Set("blockedCalls", Napi::Function::New(env, get_blocked_calls));
  exports.Set("cgroupMembers", Napi::Function::New(env, cgroup_members));
  exports.Set("mntnsOf", Napi::Function::New(env, get_mntns));
  exports.Set("isThere", Napi::Function::New(env, get_is_there));
  exports.Set("startTimeOf", Napi::Function::New(env, get_start_time));
}

}  // namespace secco
