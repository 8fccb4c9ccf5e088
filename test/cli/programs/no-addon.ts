// If a command imports this file first, loading the native addon fails.
process.dlopen = () => {
  throw new Error('no libstdc++ here\nand a second line');
};
