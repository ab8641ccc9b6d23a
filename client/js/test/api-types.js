/**
 * The types of what the API answers, held against its own document.
 *
 * @module
 */
import { readFileSync } from 'node:fs';

/** Which type is of which schema. */
const TYPES = {
  OracleInfo: 'OracleJson',
  ChoiceInfo: 'ChoiceJson',
  EventInfo: 'EventJson',
  DigitsInfo: 'DigitsJson',
  EventsPage: 'EventsJson',
  EvidenceInfo: 'EvidenceJson',
  ObservationInfo: 'ObservationJson',
  SeriesInfo: 'SeriesJson',
  UpcomingInfo: 'UpcomingJson',
  SeriesPage: 'AllSeriesJson',
  ProofsInfo: 'ProofsJson',
  Inclusion: 'InclusionJson',
};

/** @typedef {{[key: string]: any}} Schema */

/**
 * Every difference between the types of `model.js` and the schemas of a document: a
 * member that one of them lacks, null or a kind of value that the other does not have.
 *
 * @param {Schema} document what `/openapi.json` says
 * @returns {string[]}
 */
export function differences(document) {
  const source = readFileSync(new URL('../src/model.js', import.meta.url), 'utf8');
  const schemas = document['components'].schemas;
  return Object.entries(TYPES).flatMap(([type, schema]) => {
    const ours = membersOf(source, type);
    const theirs = schemas[schema].properties;
    const missing = Object.keys(theirs).filter((key) => !ours.has(key)).map((key) => `${type}.${key} is missing`);
    const made = [...ours.keys()].filter((key) => !Object.hasOwn(theirs, key)).map((key) => `${type}.${key} is not in the document`);
    const other = [...ours].flatMap(([key, text]) => {
      if (!Object.hasOwn(theirs, key)) return [];
      const kinds = kindsOf(schemas, theirs[key]);
      const mine = kindsOfType(text);
      return [...kinds].sort().join() === [...mine].sort().join() ? [] : [`${type}.${key} is ${text}, in the document ${[...kinds].join(' or ')}`];
    });
    return [...missing, ...made, ...other];
  });
}

/** @param {string} source @param {string} type @returns {Map<string, string>} */
function membersOf(source, type) {
  const [, body = ''] = source.split(`@typedef {object} ${type}\n`);
  const lines = body.slice(0, body.search(/\n \*\/|@typedef/)).split('\n');
  const members = lines.flatMap((line) => {
    const start = line.indexOf('@property {');
    if (start < 0) return [];
    let [depth, end] = [1, start + 11];
    while (depth > 0) depth += { '{': 1, '}': -1 }[line[end++] ?? '}'] ?? 0;
    const name = /^ \[?(\w+)/.exec(line.slice(end))?.[1] ?? '';
    return [/** @type {[string, string]} */ ([name, line.slice(start + 11, end - 1)])];
  });
  return new Map(members);
}

/** @param {string} text */
function kindsOfType(text) {
  const kinds = text.split(' | ').flatMap((part) => {
    if (part === 'unknown') return ['null', 'object'];
    if (part.startsWith('readonly ')) return ['array'];
    if (part === 'EventState') return ['string'];
    if (/^(Readonly<|[A-Z])/.test(part)) return ['object'];
    return [part];
  });
  return new Set(kinds);
}

/** @param {Schema} schemas @param {Schema} schema @returns {Set<string>} */
function kindsOf(schemas, schema) {
  if (schema['$ref'] && !schema['type']) return kindsOf(schemas, schemas[schema['$ref'].split('/').pop()]);
  if (schema['oneOf']) return new Set(schema['oneOf'].flatMap((/** @type {Schema} */ one) => [...kindsOf(schemas, one)]));
  const types = [schema['type']].flat();
  return new Set(types.map((type) => (type === 'integer' ? 'number' : type)));
}
