{
  "targets": [
    {
      "target_name": "secco_recorder",
      "sources": ["recorder.cc", "processes.cc", "memory.cc", "durable-files.cc", "tables.cc", "state-watch.cc"],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")"],
      "libraries": ["-lbpf"],
      "defines": ["NAPI_CPP_EXCEPTIONS", "NAPI_VERSION=8"],
      "cflags": ["-Wall", "-Wextra"],
      "cflags_cc": ["-std=c++17", "-fexceptions"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti"]
    }
  ]
}
