import { readFileSync } from 'node:fs';
import { checkObject } from '../../checks.js';
import type { REGION_NAMES } from '../../contract/uapi.js';
import { systemError, VfioError } from '../../errors.js';
import { type Draft, importDraft, type Imported } from './draft.js';
import { isLitex, readLitex } from './litex.js';
import { isRdl, readRdl } from './rdl.js';
import { readSvd } from './svd.js';
import { parseXml } from './xml.js';

export { formatRegisters } from './format.js';
export type { Imported } from './draft.js';

/**
 * Imports registers from a file: CMSIS-SVD, the CSR JSON of LiteX, or the JSON of PeakRDL. The
 * contents show the format.
 *
 * @param base - the address of the first byte of the region, in the addresses of the file. Default:
 *   the address that the file contains.
 * @throws VfioError EINVAL if the file has none of these formats
 */
export function importRegisters(
  path: string,
  region: (typeof REGION_NAMES)[number],
  base?: number,
): Imported {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw systemError(cause, path);
  }
  try {
    return importDraft(readDraft(text), region, base);
  } catch (cause) {
    throw new VfioError({ code: 'EINVAL', path, message: (cause as Error).message, cause });
  }
}

function readDraft(text: string): Draft {
  // A byte order mark can precede the first element.
  if (/^\uFEFF?\s*</.test(text)) return readSvd(parseXml(text));
  const file: unknown = JSON.parse(text);
  checkObject(file, 'the file');
  if (isLitex(file)) return readLitex(file);
  if (isRdl(file)) return readRdl(file);
  throw new TypeError('the file is not CMSIS-SVD, LiteX CSR JSON or PeakRDL JSON');
}
