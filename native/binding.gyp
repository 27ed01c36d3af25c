{
  "targets": [
    {
      "target_name": "secco_recorder",
      "sources": ["addon/recorder.cc", "addon/processes.cc", "addon/memory.cc", "addon/durable-files.cc", "addon/tables.cc", "addon/state-watch.cc"],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")"],
      "libraries": ["-lbpf"],
      "defines": ["NAPI_CPP_EXCEPTIONS", "NAPI_VERSION=8"],
      "cflags": ["-Wall", "-Wextra"],
      "cflags_cc": ["-std=c++17", "-fexceptions"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti"]
    }
  ]
}
