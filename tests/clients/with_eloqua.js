// The package `eloqua`, unmodified, against a running daemon.
// usage: node with_eloqua.js ADDRESS MARKINGS
// ADDRESS is the daemon's, MARKINGS how many it has, of which three are red. Says "ok" last; ends with an error where
// anything is not as it should be.
'use strict';
const assert = require('assert');
const Eloqua = require('eloqua').default;

const FIELDS = { guid: '{{Marking.Field(syncGuid)}}', note: '{{Marking.Field(note)}}', id: '{{Marking.Id}}' };

// What its stream asks for at one time.
const PAGE = 10000;

const client = (address, password) =>
  new Eloqua({ siteName: 'COMP', userName: 'user', password, loginUrl: `${address}/id` });

const read = stream =>
  new Promise((resolve, reject) => {
    const rows = [];
    stream.on('data', row => rows.push(row)).on('error', reject).on('end', () => resolve(rows));
  });

async function main() {
  const [address, text] = process.argv.slice(2);
  const count = Number(text);
  assert(count > PAGE, 'more than one page is wanted');
  const eloqua = client(address, 'pw');

  // It finds the base by itself.
  const first = await eloqua.bulk.runExport('markings', 'some', FIELDS, "'{{Marking.Field(color)}}' = 'red'");
  assert.strictEqual(eloqua.baseUrl.replace(/\/$/, ''), address);
  assert.strictEqual(first.items.length, 3);
  assert.strictEqual(first.hasMore, false);
  assert(first.items.every(row => Object.values(row).every(value => typeof value === 'string')), 'values are texts');

  const stream = await eloqua.bulk.getExportStream('markings', 'all', FIELDS, null);
  const rows = await read(stream);
  assert.strictEqual(rows.length, count);
  assert.strictEqual(new Set(rows.map(row => row.guid)).size, count);
  assert.strictEqual(stream.count, count);

  // Nothing found is a warning, for which it gives nothing.
  assert.strictEqual(await eloqua.bulk.runExport('contacts', 'none', { id: '{{Contact.Id}}' }, "'{{Contact.Id}}' = '999'"), undefined);

  await assert.rejects(eloqua.bulk.createExport('markings', 'nonsense', FIELDS, 'nonsense'));
  console.log('ok');
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
