/** A package source from the machine's apt configuration. */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Trust fields in the deb822 format, for example `Signed-By`. */
  readonly trust: Readonly<Record<string, string>>;
}

/** Maps the trust options of the one-line format to the fields of the deb822 format. */
const TRUST_FIELDS: Readonly<Record<string, string>> = {
  'signed-by': 'Signed-By',
  trusted: 'Trusted',
  'check-valid-until': 'Check-Valid-Until',
};

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter(Boolean);

/** Parses the one-line format of `sources.list(5)`: `deb [option=value …] uri suite …`. */
export function parseList(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s*)?([^\s#]+)\s+([^\s#]+)([^#]*)/.exec(line.trim());
    if (match === null) return [];
    const [, options, uri = '', suite = '', components] = match;
    const trust = words(options).flatMap((option) => {
      const [key = '', value = ''] = option.split(/=(.*)/s);
      const field = TRUST_FIELDS[key.toLowerCase()];
      return field === undefined ? [] : [[field, value.replaceAll(',', ' ')] as const];
    });
    return [
      { uri, suites: [suite], components: words(components), trust: Object.fromEntries(trust) },
    ];
  });
}

/**
 * Parses the fields of a deb822 stanza. Field names are converted to lower case. Values keep their
 * line breaks.
 */
function parseStanza(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#')) continue;
    const match = /^([\w-]+):\s*(.*)$/.exec(line);
    if (match !== null) {
      last = (match[1] ?? '').toLowerCase();
      fields.set(last, match[2] ?? '');
    } else if (/^\s/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
    }
  }
  return fields;
}

/**
 * Parses the deb822 format. Each stanza has the fields `Types`, `URIs`, `Suites` and `Components`.
 */
export function parseSources(text: string): AptSource[] {
  return text.split(/\n(?:[ \t]*\n)+/).flatMap((stanza) => {
    const fields = parseStanza(stanza);
    const enabled = fields.get('enabled')?.trim().toLowerCase() ?? 'yes';
    if (!words(fields.get('types')).includes('deb') || enabled === 'no') return [];
    const trust = Object.values(TRUST_FIELDS).flatMap((name) => {
      const value = fields.get(name.toLowerCase());
      return value === undefined ? [] : [[name, value] as const];
    });
    return words(fields.get('uris')).map((uri) => ({
      uri,
      suites: words(fields.get('suites')),
      components: words(fields.get('components')),
      trust: Object.fromEntries(trust),
    }));
  });
}

/**
 * Selects the sources of Debian's archive. A selected source has the component `main` and the suite
 * of a Debian release.
 */
export function selectArchives(sources: readonly AptSource[], codename: string): AptSource[] {
  const releases = [codename, 'oldstable', 'stable', 'testing', 'unstable', 'sid'];
  return sources.filter(
    ({ suites, components }) =>
      components.includes('main') && suites.some((suite) => releases.includes(suite)),
  );
}

/** Formats a deb822 file for `suite` that has the URI and the trusted keys of `source`. */
export function formatSource(source: AptSource, suite: string): string {
  const fields = { Types: 'deb', URIs: source.uri, Suites: suite, Components: 'main' };
  return Object.entries({ ...fields, ...source.trust })
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}
