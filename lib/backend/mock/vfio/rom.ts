const IMAGE_SIGNATURE = 0xaa55;
const DATA_SIGNATURE = 0x5249_4350;
const DATA_POINTER = 0x18;
const DATA_LENGTH = 16;
const DATA_INDICATOR = 21;
const LAST_IMAGE = 0x80;
const BLOCK = 512;

/**
 * Reads the image headers of an expansion ROM, and returns the total length of the images
 * (pci_get_rom_size()). 0 means that the ROM does not begin with an image.
 *
 * @param size - size of the ROM BAR in bytes
 */
export function romImageSize(bytes: Uint8Array, size: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u16 = (at: number) => (at + 2 <= bytes.length ? view.getUint16(at, true) : 0);
  const u32 = (at: number) => (at + 4 <= bytes.length ? view.getUint32(at, true) : 0);
  let image = 0;
  while (u16(image) === IMAGE_SIGNATURE) {
    const data = image + u16(image + DATA_POINTER);
    if (u32(data) !== DATA_SIGNATURE) break;
    const length = u16(data + DATA_LENGTH) * BLOCK;
    image += length;
    if (length === 0 || image >= size || ((bytes[data + DATA_INDICATOR] ?? 0) & LAST_IMAGE) !== 0) {
      break;
    }
  }
  return Math.min(image, size);
}
