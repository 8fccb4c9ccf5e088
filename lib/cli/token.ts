import type { OpenOptions } from '../contract/index.js';
import { isMockName } from '../contract/names.js';
import { parseUuid } from '../contract/uuid.js';
import type { Option } from './command.js';
import { UsageError } from './usage.js';

/** The option `--vf-token` of the commands that open a device. */
export const VF_TOKEN = {
  type: 'string',
  value: '<uuid>',
  help: 'the VF token of an SR-IOV function; default: the variable VFIO_VF_TOKEN, if the function accepts a token',
} as const satisfies Option;

/**
 * Chooses the VF token for a device. The token is the value of the option, or of the environment
 * variable `VFIO_VF_TOKEN` if the option is missing. If the device accepts no token, the
 * environment variable is ignored.
 *
 * @param name - the full name of the device
 * @param accepts - reports whether a real function accepts a token; tests replace this function
 */
export async function chooseToken(
  name: string,
  option: string | undefined,
  variable = process.env.VFIO_VF_TOKEN,
  accepts = acceptsToken,
): Promise<Pick<OpenOptions, 'vfToken'>> {
  if (option !== undefined) return { vfToken: checkToken('--vf-token', option) };
  if (variable === undefined || variable === '') return {};
  const vfToken = checkToken('VFIO_VF_TOKEN', variable);
  return !isMockName(name) && (await accepts(name)) ? { vfToken } : {};
}

async function acceptsToken(name: string): Promise<boolean> {
  const [host, readiness] = await Promise.all([
    import('../host/host.js'),
    import('../host/readiness.js'),
  ]);
  return readiness.acceptsToken(new host.Host(), name);
}

function checkToken(what: string, text: string): string {
  try {
    return parseUuid(text, what).text;
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}
