{
  # npm does not publish this file. pnpm and yarn would build a package with a binding.gyp, even if
  # the prebuilt addon works. `vfio build` writes its own binding.gyp.
  "includes": ["native/vfio.gypi"],
  "target_defaults": { "cflags_cc": ["-Werror"] }
}
