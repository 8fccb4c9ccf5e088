import test from 'ava';
import { FULL } from '../full.js';
import { Consumer, tarball } from './consumer.js';

/** The part of the programs that does not depend on the kind of module. */
const BODY = `
async function use(device: PciDevice, msix: VirtualMsix, options: LabOptions) {
  const registers = device.bar(0).map();
  registers.on('lost', () => undefined);
  const value: number = registers.read32(0);
  const vector: Vector = device.interrupts.msi.request(0);
  vector.on('interrupt', () => undefined);
  msix.on('failed', (failed: number) => failed);
  const buffer: DmaBuffer = await device.dma.allocate(4096);
  const iova: bigint = buffer.iova;
  buffer[Symbol.dispose]();
  options.stdout?.write('text');
  await device[Symbol.asyncDispose]();
  // @ts-expect-error registers are numbers
  const wrong: string = value;
  return [iova, wrong];
}
`;
const PROGRAMS = {
  esm: `import { openDevice, VfioError, type DmaBuffer, type PciDevice, type Vector, type VirtualMsix } from 'vfio';
import { openDeviceSync } from 'vfio/mock';
import { runInLab, type LabOptions } from 'vfio/lab';
const uses: unknown[] = [openDevice, VfioError, openDeviceSync, runInLab];
${BODY}`,
  require: `import vfio = require('vfio');
import mock = require('vfio/mock');
import lab = require('vfio/lab');
type DmaBuffer = vfio.DmaBuffer;
type LabOptions = lab.LabOptions;
type PciDevice = vfio.PciDevice;
type Vector = vfio.Vector;
type VirtualMsix = vfio.VirtualMsix;
const uses: unknown[] = [vfio.openDevice, vfio.VfioError, mock.openDeviceSync, lab.runInLab];
${BODY}`,
  import: `type Vfio = typeof import('vfio', { with: { 'resolution-mode': 'import' } });
type LabOptions = import('vfio/lab', { with: { 'resolution-mode': 'import' } }).LabOptions;
type PciDevice = Awaited<ReturnType<Vfio['openDevice']>>;
type DmaBuffer = Awaited<ReturnType<PciDevice['dma']['allocate']>>;
type Vector = ReturnType<PciDevice['interrupts']['msi']['request']>;
type VirtualMsix = InstanceType<Vfio['VirtualMsix']>;
const uses = async (): Promise<unknown[]> =>
  [await import('vfio'), await import('vfio/mock'), await import('vfio/lab')];
${BODY}`,
};

interface Compiler {
  readonly version: string;
  /** Options in addition to the configuration that `tsc --init` writes. */
  readonly options: readonly string[];
  /** The CommonJS program. For TypeScript before 5.8, `require` of an ES module is an error. */
  readonly commonjs: keyof typeof PROGRAMS;
  /**
   * A major version. The tag `latest` can name a version that the registry does not offer yet.
   */
  readonly nodeTypes: string;
}

/** A short run omits 5.9. The other versions are the oldest, the newest, and the one of this project. */
const COMPILERS: readonly Compiler[] = [
  { version: '7.0', options: [], commonjs: 'require', nodeTypes: '26' },
  { version: '6.0', options: [], commonjs: 'require', nodeTypes: '20' },
  { version: '5.4', options: ['--module', 'node16'], commonjs: 'import', nodeTypes: '20' },
  { version: '5.9', options: [], commonjs: 'require', nodeTypes: '22' },
];

for (const { version, options, commonjs, nodeTypes } of FULL ? COMPILERS : COMPILERS.slice(0, 3)) {
  test.serial(`TypeScript ${version} resolves the types in a project of tsc --init`, async (t) => {
    const project = new Consumer(true);
    try {
      await project.install(tarball, `typescript@~${version}.0`, `@types/node@${nodeTypes}`);
      project.write('esm.mts', PROGRAMS.esm);
      project.write('commonjs.cts', PROGRAMS[commonjs]);
      const tsc = async (...args: string[]): Promise<unknown> =>
        project.run('node', 'node_modules/typescript/bin/tsc', ...args);
      await tsc('--init');
      for (const skip of ['true', 'false']) {
        const how = ['--noEmit', '--pretty', 'false', '--skipLibCheck', skip, ...options];
        await t.notThrowsAsync(tsc(...how), `skipLibCheck ${skip}`);
      }
      project.write(
        'bundler.json',
        `{ "extends": "./tsconfig.json", "files": ["esm.mts"],
           "compilerOptions": { "module": "esnext", "moduleResolution": "bundler" } }`,
      );
      await t.notThrowsAsync(tsc('-p', 'bundler.json', '--noEmit'), 'moduleResolution bundler');
    } finally {
      project.remove();
    }
  });
}
