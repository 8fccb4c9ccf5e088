/** One capability in the output of lspci. */
export interface SeenCapability {
  readonly offset: number;
  /**
   * The version of an extended capability; null for a standard capability, which has no version.
   */
  readonly version: number | null;
  readonly title: string;
  readonly lines: readonly string[];
}

/** One function in the output of `lspci -vvv -n`. */
export interface Seen {
  readonly header: readonly string[];
  readonly capabilities: readonly SeenCapability[];
  /**
   * The messages about the end of a list, for example `[40] <chain looped>` or `<access denied>`.
   */
  readonly broken: readonly string[];
}

/** Replaces each sequence of white space with one space. */
export function squeeze(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}

/**
 * Matches lines with contents that do not come from configuration space, such as names and the
 * interrupt routing of the host.
 */
const NOT_OF_CONFIG = /^(NUMA node|IOMMU group|Physical Slot|Kernel)/;

/** Parses the output of lspci for one function. */
export function parseLspci(text: string): Seen {
  const header: string[] = [];
  const capabilities: (SeenCapability & { lines: string[] })[] = [];
  const broken: string[] = [];
  // If an endpoint has the multicast capability, lspci omits a line break.
  const lines = text.replace(/\n?\t\tMcastCtl/g, '\n\t\tMcastCtl');
  for (const line of lines.split('\n').slice(1)) {
    const found = /^\tCapabilities: \[([0-9a-f]+)(?: v(\d+))?\] (.*)$/.exec(line);
    const current = capabilities.at(-1);
    const end = /^\tCapabilities: (.*<(?:chain looped|chain broken|access denied)>)$/.exec(
      line,
    )?.[1];
    if (end !== undefined) {
      broken.push(end.replace(/ v\d+\]/, ']'));
    } else if (found !== null) {
      const [, offset = '', version, title = ''] = found;
      capabilities.push({
        offset: parseInt(offset, 16),
        version: version === undefined ? null : Number(version),
        title: squeeze(title),
        lines: [],
      });
    } else if (current !== undefined && line.startsWith('\t\t')) {
      current.lines.push(squeeze(line));
    } else if (line.startsWith('\t') && !NOT_OF_CONFIG.test(line.trim())) {
      header.push(squeeze(line).replace(/ routed to IRQ \d+$/, ''));
    }
  }
  return { header: withoutUpperHalves(header), capabilities, broken };
}

/**
 * Removes the lines for the upper halves of 64-bit BARs. In a dump, lspci lists an upper half as a
 * separate region.
 */
function withoutUpperHalves(lines: readonly string[]): string[] {
  let upper = -1;
  return lines.filter((line) => {
    const region = Number(/^Region (\d)/.exec(line)?.[1] ?? NaN);
    if (region === upper) return false;
    if (line.includes('(64-bit')) upper = region + 1;
    return true;
  });
}
