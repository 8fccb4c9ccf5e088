// Makes loading the native addon fail, for a command that imports this file first.
process.dlopen = () => {
  throw new Error('no libstdc++ here\nand a second line');
};
