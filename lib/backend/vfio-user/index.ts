import { statSync } from 'node:fs';
import { checkOpenOptions } from '../../contract/open-options.js';
import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../../contract/index.js';
import { isVfioUserName, VFIO_USER_PREFIX } from '../../contract/names.js';
import { VfioError } from '../../errors.js';
import { native, type Native } from '../../native/binding.js';
import { Sysfs } from '../../sysfs/sysfs.js';
import { describeError } from '../linux/describe-error.js';
import { MemoryAreas } from '../linux/memory-areas.js';
import { UserConnection } from './connection.js';
import { DmaMappings } from './dma-mappings.js';
import { usableRanges } from './iova-ranges.js';
import {
  INFO_SIZE,
  type Negotiated,
  readInfo,
  readVersion,
  startInfo,
  startVersion,
  VERSION_SIZE,
} from './negotiate.js';
import { ANSWER_TIME, Session } from './session.js';

/** Devices behind the socket of a vfio-user server. */
class UserBackend implements Backend {
  readonly #sysfs = new Sysfs();
  readonly #areas = new MemoryAreas(this.#sysfs);

  /** Whether a name begins with `'vfio-user:'`. */
  owns(name: string): boolean {
    return isVfioUserName(name);
  }

  /** Returns an empty list, because a server does not announce its socket. */
  list(): PciFunction[] {
    return [];
  }

  /**
   * Connects to a server, and negotiates the version of the protocol.
   *
   * @param name - `'vfio-user:'`, then the path of the socket
   * @throws TypeError for a wrong option, and for `fds` and `noiommu`, which only real devices accept
   * @throws VfioError ENOENT, EACCES, ENOTSOCK or ECONNREFUSED if no server listens at the path;
   *   ECONNRESET if the server serves another client; EINVAL for a VF token; ETIMEDOUT if the
   *   server does not answer
   */
  async open(name: string, options: OpenOptions): Promise<DeviceConnection> {
    const { session, mappings } = this.#connect(name, options);
    try {
      startVersion(session);
      const version = await session.request(readVersion, VERSION_SIZE);
      startInfo(session);
      const info = await session.request(readInfo, INFO_SIZE);
      return this.#connection(name, session, mappings, { ...version, info });
    } catch (error) {
      throw endOpen(session, error, name);
    }
  }

  openSync(name: string, options: OpenOptions): DeviceConnection {
    const { session, mappings } = this.#connect(name, options);
    try {
      startVersion(session);
      const version = readVersion(session.exchange(VERSION_SIZE));
      startInfo(session);
      const info = readInfo(session.exchange(INFO_SIZE));
      return this.#connection(name, session, mappings, { ...version, info });
    } catch (error) {
      throw endOpen(session, error, name);
    }
  }

  #connect(name: string, options: OpenOptions): { session: Session; mappings: DmaMappings } {
    const { token, fds, noiommu } = checkOpenOptions(options);
    if (fds !== undefined) throw new TypeError('a vfio-user device has no device file: omit fds');
    if (noiommu)
      throw new TypeError('the server of a vfio-user device has the IOMMU: omit noiommu');
    if (token !== null) {
      throw new VfioError({
        code: 'EINVAL',
        message: 'a vfio-user device takes no VF token',
        path: name,
      });
    }
    const calls = native();
    const mappings = new DmaMappings();
    const fd = connect(calls, name.slice(VFIO_USER_PREFIX.length));
    try {
      const session = new Session(calls, name, fd, (command, reply) => {
        mappings.handle(command, reply);
      });
      return { session, mappings };
    } catch (error) {
      calls.close(fd);
      throw error;
    }
  }

  #connection(
    name: string,
    session: Session,
    mappings: DmaMappings,
    negotiated: Negotiated,
  ): UserConnection {
    const ranges = usableRanges(this.#sysfs.reservedRegions());
    const opened = { session, mappings, negotiated, memoryAreas: this.#areas, ranges };
    return new UserConnection(native(), name, opened);
  }
}

/** The back end of devices behind a socket, which have names such as `'vfio-user:/run/n.sock'`. */
export const vfioUserBackend: Backend = new UserBackend();

/** Connects to the socket at a path. */
function connect(calls: Native, path: string): number {
  if (path === '') {
    throw new VfioError({
      code: 'EINVAL',
      message: `the name has no path after '${VFIO_USER_PREFIX}'`,
      hint: `Name the socket of the server: ${VFIO_USER_PREFIX}/run/device.sock.`,
    });
  }
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isSocket() === false) {
    throw new VfioError({
      code: 'ENOTSOCK',
      message: 'the file is not a socket',
      path,
      hint: 'Use the path of the socket that the server has printed.',
    });
  }
  try {
    return calls.socketConnect(path, ANSWER_TIME);
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    throw error.with({ hint: connectHint(error.code, path) });
  }
}

function connectHint(code: string, path: string): string | undefined {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return `No server listens at this path. Start the server: vfio serve <device> --socket ${path}`;
  }
  if (code === 'EACCES') return 'Run the client as the user of the server, or as root.';
  if (code === 'EAGAIN') return 'The server accepts no connection. Start the server again.';
  if (code === 'ENAMETOOLONG') return 'The path of a socket has at most 107 bytes.';
  return undefined;
}

/** Closes a session whose negotiation has failed. @returns the error for the caller */
function endOpen(session: Session, error: unknown, name: string): unknown {
  session.close();
  const { why } = session;
  if (why?.code === 'ECONNRESET') {
    return why.with({
      hint: 'A server serves one client at a time. End the other client, or look at the output of the server.',
    });
  }
  return describeError(why ?? error, name);
}
