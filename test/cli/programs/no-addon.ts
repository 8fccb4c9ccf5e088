// Makes the native addon one that the machine cannot load, for a command that imports this first.
process.dlopen = () => {
  throw new Error('no libstdc++ here\nand a second line');
};
