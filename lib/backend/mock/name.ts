import { MOCK_PREFIX, parseAddress } from '../../contract/names.js';
import { VfioError } from '../../errors.js';
import type { DeviceModel } from './hardware/model.js';
import { isPath } from './models/snapshot.js';
import {
  KERNEL_VERSIONS,
  profileOf,
  type Profile,
  type ProfileOptions,
} from './machine/profile.js';

/** The function of a card with SR-IOV that a name selects. */
export interface SriovName {
  /** All functions of the card have the same key. */
  readonly card: string;
  /** The largest number of virtual functions. */
  readonly total: number;
  /** Index of a virtual function; null for the physical function. */
  readonly index: number | null;
}

/** The parts of a mock device's name. */
export interface MockName {
  /** Name of a device model, or path of a snapshot or of a dump. */
  readonly model: string;
  /** The address of a function in a dump, with the domain; null if the name has no address. */
  readonly address: string | null;
  /** Register layout of the model, or null for the normal layout. */
  readonly layout: string | null;
  /**
   * The text after `#`, or an empty string if the name has no `#`. Devices of one model differ by
   * their labels.
   */
  readonly label: string;
  readonly profile: Profile;
  /** The names of all functions of the card. Most cards have one function. */
  readonly functions: readonly string[];
  /** Index of the named function. */
  readonly index: number;
  /** The function of a card with SR-IOV; null if the name has no `vfs`. */
  readonly sriov: SriovName | null;
  /** All names of the same card have the same key. A virtual function has a key of its own. */
  readonly key: string;
}

/** The settings of a name: the settings of the kernel, and the function of a card. */
type Setting = keyof ProfileOptions | 'function';

/** The parts of a model that a name depends on. */
type NamedModel = Pick<DeviceModel, 'kernel' | 'layouts'>;

/** The largest number of virtual functions: the routing ids of one bus. */
const MAX_VFS = 255;
const SWITCH = ['on', 'off'] as const;
/** Functions of a card that has two functions. */
const FUNCTIONS = ['0', '1'] as const;
const VALUES: Readonly<Record<Setting, readonly string[]>> = {
  kernel: KERNEL_VERSIONS,
  dmabuf: SWITCH,
  novirt: SWITCH,
  variant: SWITCH,
  via: ['group', 'cdev'],
  function: FUNCTIONS,
};

/**
 * Parses a name such as `'mock:nvme#2?kernel=6.1&dmabuf=off'`.
 *
 * @param find - returns the default settings and the register layouts of a model; settings in the
 *   name override the defaults
 * @throws VfioError EINVAL for an unknown key or value
 */
export function parseName(
  name: string,
  find: (model: string) => NamedModel | undefined = () => undefined,
): MockName {
  const [device = '', ...rest] = name.slice(MOCK_PREFIX.length).split('?');
  const [model = '', label = '', ...more] = device.split('#');
  if (more.length > 0) refuseName(name, 'the name has more than one #');
  // A path of a file cannot contain NUL.
  if (name.includes('\0')) refuseName(name, 'the name contains NUL');
  const { kernel: defaults, layouts } = find(model) ?? {};
  const known: Readonly<Record<string, readonly string[]>> =
    layouts === undefined ? VALUES : { ...VALUES, layout: Object.keys(layouts) };
  const values = new Map<string, string>();
  for (const setting of rest.join('?').split('&')) {
    if (setting === '') continue;
    const [key = '', ...parts] = setting.split('=');
    const value = parts.join('=');
    if (key === 'address' && isPath(model)) {
      const address = parseAddress(value);
      if (address === null) refuseName(name, `address must be like 01:00.0, not '${value}'`);
      values.set(key, address);
      continue;
    }
    if ((key === 'vfs' || key === 'vf') && !isPath(model)) {
      if (!/^(0|[1-9]\d{0,2})$/.test(value))
        refuseName(name, `${key} must be a number, not '${value}'`);
      if (values.has(key)) refuseName(name, `${key} is given twice`);
      values.set(key, value);
      continue;
    }
    const allowed = Object.hasOwn(known, key) ? known[key] : undefined;
    if (allowed === undefined) {
      const others = isPath(model) ? ['address'] : ['vfs', 'vf'];
      const names = [...Object.keys(known), ...others].join(', ');
      refuseName(name, `unknown setting '${key}': expected ${names}`);
    }
    if (!allowed.includes(value)) {
      refuseName(name, `${key} must be ${allowed.join(' or ')}, not '${value}'`);
    }
    if (values.has(key)) refuseName(name, `${key} is given twice`);
    values.set(key, value);
  }
  const nameOf = (fn: string) => {
    const settings = [...values].map(([key, value]) => `${key}=${key === 'function' ? fn : value}`);
    return `${MOCK_PREFIX}${device}?${settings.join('&')}`;
  };
  const isOn = (key: keyof ProfileOptions) =>
    values.has(key) ? values.get(key) === 'on' : undefined;
  const options = {
    kernel: values.get('kernel'),
    dmabuf: isOn('dmabuf'),
    novirt: isOn('novirt'),
    variant: isOn('variant'),
    via: values.get('via'),
  } as ProfileOptions;
  const profile = checkedProfile(name, withDefaults(options, defaults));
  const layout = values.get('layout') ?? null;
  const { version, dmabuf, novirt, variant } = profile;
  const chosen = values.get('function');
  const functions = chosen === undefined ? [name] : FUNCTIONS.map(nameOf);
  const vfs = values.get('vfs') ?? '';
  const address = values.get('address') ?? null;
  const key = `${device} ${version} ${dmabuf} ${novirt} ${variant} ${functions.length} ${layout} ${address ?? ''} ${vfs}`;
  const sriov = readSriov(name, values, key);
  return {
    model,
    address,
    layout,
    label,
    profile,
    functions,
    index: Number(chosen ?? 0),
    sriov,
    key: sriov?.index == null ? key : `${key} ${sriov.index}`,
  };
}

/** @throws VfioError EINVAL if the settings exclude each other */
function checkedProfile(name: string, options: ProfileOptions): Profile {
  try {
    return profileOf(options);
  } catch (error) {
    return refuseName(name, (error as RangeError).message);
  }
}

/** Reads the settings `vfs` and `vf`. */
function readSriov(
  name: string,
  values: ReadonlyMap<string, string>,
  card: string,
): SriovName | null {
  const [vfs, vf] = [values.get('vfs'), values.get('vf')];
  if (vfs === undefined) {
    return vf === undefined ? null : refuseName(name, 'vf needs the setting vfs');
  }
  const total = Number(vfs);
  if (total < 1 || total > MAX_VFS)
    refuseName(name, `vfs must be from 1 to ${MAX_VFS}, not ${vfs}`);
  if (values.has('function')) refuseName(name, 'vfs and function exclude each other');
  if (vf === undefined) return { card, total, index: null };
  const index = Number(vf);
  if (index >= total) refuseName(name, `vf must be below ${vfs} (vfs), not ${vf}`);
  return { card, total, index };
}

function refuseName(name: string, message: string): never {
  throw new VfioError({
    code: 'EINVAL',
    message,
    path: name,
    hint: 'A name is mock:<model>, followed by settings such as ?kernel=6.1&novirt=on.',
  });
}

/**
 * Adds the default settings of a model to the settings of a name. A setting of the name overrides
 * the model's default. DMA_BUF and MSI_NOVIRT exclude each other, so `dmabuf=on` in the name drops
 * the model's default for `novirt`.
 */
function withDefaults(
  asked: ProfileOptions,
  { novirt, ...rest }: ProfileOptions = {},
): ProfileOptions {
  const own = Object.entries(asked).filter(([, value]) => value !== undefined);
  return { ...(asked.dmabuf === true ? {} : { novirt }), ...rest, ...Object.fromEntries(own) };
}
