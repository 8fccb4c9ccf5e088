import { MOCK_PREFIX } from '../../contract/names.js';
import { VfioError } from '../../errors.js';
import {
  KERNEL_VERSIONS,
  profileOf,
  type Profile,
  type ProfileOptions,
} from './machine/profile.js';

/** The name of an imitated device, taken apart. */
export interface MockName {
  /** What is imitated. */
  readonly model: string;
  /** Which of several devices of a model: what follows a `#`. */
  readonly label: string;
  readonly profile: Profile;
  /** The same for all names that mean the same device. */
  readonly key: string;
}

const SWITCH = ['on', 'off'] as const;
const VALUES: Readonly<Record<keyof ProfileOptions, readonly string[]>> = {
  kernel: KERNEL_VERSIONS,
  dmabuf: SWITCH,
  novirt: SWITCH,
  variant: SWITCH,
  via: ['group', 'cdev'],
};

/**
 * Takes `'mock:nvme#2?kernel=6.1&dmabuf=off'` apart.
 *
 * @param defaults - settings of a model, as far as the name does not say
 * @throws VfioError EINVAL for a key or a value that is not known
 */
export function parseName(
  name: string,
  defaults: (model: string) => ProfileOptions | undefined = () => undefined,
): MockName {
  const [device = '', ...rest] = name.slice(MOCK_PREFIX.length).split('?');
  const [model = '', label = '', ...more] = device.split('#');
  if (more.length > 0) refuse(name, 'one # at most');
  // What is no model is the path of a file, and no path has one.
  if (name.includes('\0')) refuse(name, 'a name has no NUL');
  const values = new Map<string, string>();
  for (const setting of rest.join('?').split('&')) {
    if (setting === '') continue;
    const [key = '', ...parts] = setting.split('=');
    const value = parts.join('=');
    const known = Object.hasOwn(VALUES, key) ? VALUES[key as keyof ProfileOptions] : undefined;
    if (known === undefined) refuse(name, `'${key}' is none of ${Object.keys(VALUES).join(', ')}`);
    if (!known.includes(value)) refuse(name, `${key} is ${known.join(' or ')}, not '${value}'`);
    if (values.has(key)) refuse(name, `${key} is given twice`);
    values.set(key, value);
  }
  const isOn = (key: keyof ProfileOptions) =>
    values.has(key) ? values.get(key) === 'on' : undefined;
  const options = {
    kernel: values.get('kernel'),
    dmabuf: isOn('dmabuf'),
    novirt: isOn('novirt'),
    variant: isOn('variant'),
    via: values.get('via'),
  } as ProfileOptions;
  try {
    const profile = profileOf(withDefaults(options, defaults(model)));
    const { version, dmabuf, novirt, variant } = profile;
    return { model, label, profile, key: `${device} ${version} ${dmabuf} ${novirt} ${variant}` };
  } catch (error) {
    return refuse(name, (error as RangeError).message);
  }
}

function refuse(name: string, message: string): never {
  throw new VfioError({
    code: 'EINVAL',
    message,
    path: name,
    hint: 'A name is mock:<model>, and behind it settings like ?kernel=6.1&novirt=on.',
  });
}

/** What is asked for comes before what a model has, also where both do not go together. */
function withDefaults(
  asked: ProfileOptions,
  { novirt, ...rest }: ProfileOptions = {},
): ProfileOptions {
  const own = Object.entries(asked).filter(([, value]) => value !== undefined);
  return { ...(asked.dmabuf === true ? {} : { novirt }), ...rest, ...Object.fromEntries(own) };
}
