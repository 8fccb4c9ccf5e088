{
  "targets": [
    {
      "target_name": "vfio",
      "sources": [
        "native/addon/addon.cc",
        "native/addon/arguments.cc",
        "native/addon/container.cc",
        "native/addon/cpu.cc",
        "native/addon/device.cc",
        "native/addon/environment.cc",
        "native/addon/event_set.cc",
        "native/addon/event_set_calls.cc",
        "native/addon/exposed.cc",
        "native/addon/files.cc",
        "native/addon/hot_calls.cc",
        "native/addon/iommufd.cc",
        "native/addon/loop_poll.cc",
        "native/addon/memory.cc",
        "native/addon/memory_file.cc",
        "native/addon/shared_memory.cc",
        "native/addon/sockets.cc",
        "native/addon/watch.cc",
        "native/addon/window.cc",
        "native/core/cdev.cc",
        "native/core/container.cc",
        "native/core/cpu.cc",
        "native/core/device.cc",
        "native/core/event_set.cc",
        "native/core/eventfd.cc",
        "native/core/fd_table.cc",
        "native/core/file.cc",
        "native/core/group.cc",
        "native/core/guard.cc",
        "native/core/hot_reset.cc",
        "native/core/info.cc",
        "native/core/iommufd.cc",
        "native/core/irqs.cc",
        "native/core/mapping.cc",
        "native/core/memory.cc",
        "native/core/memory_file.cc",
        "native/core/message_reader.cc",
        "native/core/shared_memory.cc",
        "native/core/socket.cc",
        "native/core/window.cc"
      ],
      "dependencies": ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++17", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"],
      # Node unloads the addon at the end of a worker. Code of the addon may still run then, such as
      # the SIGBUS handler, so the library must stay loaded.
      "ldflags": ["-Wl,-z,nodelete"]
    }
  ]
}
