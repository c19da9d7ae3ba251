import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCidr } from '../../src/image/cidr.ts';

test.each([
  '10.20.0.0/16',
  '10.20.0.1/16',
  '0.0.0.0/0',
  '255.255.255.255/32',
  'fd00::/8',
  'FD00::1/8',
  '::/0',
  '::1/128',
  '1:2:3:4:5:6:7::/64',
  '::ffff:10.0.0.0/104',
  '1:2:3:4:5:6:7:8/128',
  '1:2:3:4:5:6:192.0.2.1/128',
])('an operator may allow %s', (text) => {
  expect(isCidr(text)).toBe(true);
});

test.each<[text: string, why: string]>([
  ['', 'nothing'],
  ['10.0.0.0', 'no length'],
  ['10.0.0.0/', 'no length'],
  ['10.0.0.0/33', 'longer than an address'],
  ['::/129', 'longer than an address'],
  ['10.0.0.0/08', 'eight to some, no number to others'],
  ['10.0.0.0/-1', 'no length'],
  ['10.0.0.0/ 8', 'a space'],
  ['10.0.0.0/8 ', 'a space'],
  ['10.0.0.0/8\n', 'a line break'],
  ['10.0.0.0/8/8', 'two lengths'],
  ['10.0.0/8', 'three numbers'],
  ['10.0.0.0.0/8', 'five numbers'],
  ['10.0.0.256/8', 'larger than a byte'],
  ['010.0.0.0/8', 'octal to some'],
  ['0x0a.0.0.0/8', 'hexadecimal'],
  ['10.0.0.0/255.0.0.0', 'a mask'],
  ['registry.example.com/8', 'a name'],
  ['1:2:3:4:5:6:7/64', 'seven groups'],
  ['1:2:3:4:5:6:7:8:9/64', 'nine groups'],
  ['1:2:3:4:5:6:7:8::/64', 'nothing left to leave out'],
  ['1::2::3/64', 'left out twice'],
  [':::/64', 'three colons'],
  ['1:/64', 'a colon at the end'],
  ['12345::/64', 'five digits'],
  ['g::/64', 'no digit'],
  ['10.0.0.1::/64', 'IPv4 at the start'],
  ['1:2:3:4:5:6:7:10.0.0.1/64', 'IPv4 as one group'],
  ['fe80::%eth0/64', 'a zone'],
  ['[fd00::]/8', 'brackets'],
])('a policy with "%s" is told that it is no range: %s', (text) => {
  expect(isCidr(text)).toBe(false);
});

test('every address that can be connected to can be allowed, and nothing else', () => {
  const nearAddress = fc.string({ unit: fc.constantFrom('0', '1', '25', 'ff', '.', ':', '::'), maxLength: 20 });
  const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), nearAddress);
  fc.assert(
    fc.property(address, (text) => {
      expect(isCidr(`${text}/32`)).toBe(isIP(text) !== 0);
    }),
    { numRuns: 2000 },
  );
});
