# The build of the addon by node-gyp. CMakeLists.txt has the developer build.
{
  "targets": [
    {
      "target_name": "vfio",
      "sources": [
        "addon/addon.cc",
        "addon/arguments.cc",
        "addon/changes.cc",
        "addon/container.cc",
        "addon/cpu.cc",
        "addon/device.cc",
        "addon/environment.cc",
        "addon/event_set.cc",
        "addon/event_set_calls.cc",
        "addon/exposed.cc",
        "addon/files.cc",
        "addon/hot_calls.cc",
        "addon/iommufd.cc",
        "addon/loop_poll.cc",
        "addon/memory.cc",
        "addon/memory_file.cc",
        "addon/shared_memory.cc",
        "addon/sockets.cc",
        "addon/watch.cc",
        "addon/window.cc",
        "core/cdev.cc",
        "core/changes.cc",
        "core/container.cc",
        "core/cpu.cc",
        "core/device.cc",
        "core/event_set.cc",
        "core/eventfd.cc",
        "core/fd_table.cc",
        "core/file.cc",
        "core/group.cc",
        "core/guard.cc",
        "core/hot_reset.cc",
        "core/info.cc",
        "core/iommufd.cc",
        "core/irqs.cc",
        "core/mapping.cc",
        "core/memory.cc",
        "core/memory_file.cc",
        "core/message_reader.cc",
        "core/registers.cc",
        "core/shared_memory.cc",
        "core/socket.cc",
        "core/window.cc"
      ],
      "dependencies": ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++17", "-fvisibility=hidden", "-Wall", "-Wextra"],
      # Node unloads the addon at the end of a worker. Code of the addon may still run then, such as
      # the SIGBUS handler, so the library must stay loaded.
      "ldflags": ["-Wl,-z,nodelete"]
    }
  ]
}
