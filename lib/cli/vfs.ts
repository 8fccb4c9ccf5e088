import { applyPlan } from '../host/apply.js';
import { planBind, requireVfioPci } from '../host/binding.js';
import { Host } from '../host/host.js';
import { chownNodes, findNodes, resolveUser } from '../host/owner.js';
import {
  applySriov,
  type PhysicalFunction,
  planSriov,
  readPhysicalFunction,
  type SriovPlan,
} from '../host/sriov.js';
import { printable } from '../printable.js';
import { formatState, printWarnings } from './binding.js';
import { defineCommand } from './command.js';
import { toJson } from './json.js';
import { parseCount } from './numbers.js';
import { resolveReal } from './real.js';
import { columns } from './table.js';
import { paint } from './terminal.js';
import { UsageError } from './usage.js';

/** SR-IOV counts virtual functions in 16 bits. */
const MAX_VFS = 0xffff;

export const command = defineCommand({
  about: `Lists the virtual functions (SR-IOV) of a physical function, or sets their number. 0
    removes all virtual functions. The kernel changes the number only from 0 or to 0, so another
    number removes the virtual functions first. The command refuses to remove a virtual function
    that has a driver or that a program has opened. If the physical function is bound to vfio-pci,
    the parameter enable_sriov of vfio-pci must be on, and the kernel binds each virtual function to
    vfio-pci. A program then opens the physical function and its virtual functions with the same VF
    token. The number is lost at the next boot.`,
  operands: {
    device: { from: 'devices', help: 'the physical function' },
    n: { optional: true, help: 'the new number of virtual functions; without n, lists them' },
  },
  options: {
    bind: {
      type: 'boolean',
      help: 'binds the virtual functions to vfio-pci; no other driver is bound to them before',
    },
    owner: {
      type: 'string',
      value: '<user>',
      from: 'users',
      help: "makes this user the owner of the virtual functions' device nodes; needs --bind",
    },
    'dry-run': { type: 'boolean', help: 'prints the planned writes to sysfs, and changes nothing' },
    force: {
      type: 'boolean',
      help: `also removes and binds virtual functions that are in use: the kernel waits until
        programs close the functions`,
    },
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio vfs 01:00.0', 'sudo vfio vfs 01:00.0 4 --bind --owner $USER'],
  async run({ options: { bind, owner, force, json, 'dry-run': dryRun }, operands: { device, n } }) {
    if (owner !== undefined && !bind) throw new UsageError('--owner needs --bind');
    const count = n === undefined ? undefined : parseCount('n', n, MAX_VFS);
    const host = new Host();
    const uid = owner === undefined ? undefined : resolveUser(owner);
    const name = await resolveReal(device);
    if (bind) requireVfioPci(host);
    const plan = count === undefined ? null : planSriov(host, name, count, bind);
    if (dryRun) {
      printSriovPlan(plan ?? currentPlan(host, name), bind, json);
      return 0;
    }
    if (plan !== null) applySriov(host, plan, force);
    if (bind) bindFunctions(host, readPhysicalFunction(host, name), force, uid);
    printFunctions(readPhysicalFunction(host, name), json);
    return 0;
  },
});

/** Binds the virtual functions that have another driver, or no driver, to vfio-pci. */
function bindFunctions(
  host: Host,
  { functions }: PhysicalFunction,
  force: boolean,
  uid: number | undefined,
): void {
  for (const { name } of functions) {
    const plan = planBind(host, name);
    printWarnings(plan);
    applyPlan(host, plan, force);
    if (uid !== undefined) chownNodes(findNodes(host, plan.group), uid);
  }
}

/** The plan of a call that does not change the number. */
function currentPlan(host: Host, name: string): SriovPlan {
  const { length } = readPhysicalFunction(host, name).functions;
  return planSriov(host, name, length, false);
}

function printSriovPlan(plan: SriovPlan, bind: boolean, json: boolean): void {
  const { name, from, to, writes, uses } = plan;
  if (json) {
    console.log(toJson({ device: name, from, to, writes, uses, bind, dryRun: true }));
    return;
  }
  for (const use of uses) console.log(printable(`# in use: ${use}`));
  console.log(printable(`# ${name}: ${from} -> ${to} virtual functions`));
  for (const { path, text } of writes) console.log(printable(`echo ${text} > ${path}`));
  if (bind && to > 0) console.log('# binds each virtual function to vfio-pci');
}

function printFunctions(physical: PhysicalFunction, json: boolean): void {
  const { name, driver, total, autoprobe, functions } = physical;
  if (json) {
    console.log(toJson({ device: name, driver, total, autoprobe, functions }));
    return;
  }
  const bound = driver ?? 'no driver';
  const count = `${functions.length} of ${total} virtual functions`;
  console.log(printable(`${name} (${bound}): ${count}${autoprobe ? '' : ', no autoprobe'}`));
  if (functions.length === 0) return;
  const rows = functions.map((one) => [
    one.name,
    one.driver ?? '-',
    one.iommuGroup === null ? '-' : `${one.iommuGroup}`,
    formatState(one),
  ]);
  const [heading = '', ...lines] = columns([['DEVICE', 'DRIVER', 'GROUP', 'STATE'], ...rows]).split(
    '\n',
  );
  console.log([paint('bold', heading), ...lines].join('\n'));
}
