// node tally.js BROKEN REPORT...: names the tests that failed and those that were skipped, and ends
// with "N passed, N failed". Fails unless each report has tests, all passed, and no step was broken.
// Plain JavaScript: it must report also when `npm ci` brought no newer Node.js.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [broken = '0', ...reports] = process.argv.slice(2);
const results = reports.map(
  (report) => JSON.parse(readFileSync(report, 'utf8') || '{}').testResults ?? [],
);
let passed = 0;
let failed = 0;

for (const { name, status, message, assertionResults } of results.flat()) {
  const bad = assertionResults.filter((test) => test.status !== 'passed');
  passed += assertionResults.length - bad.length;
  failed += bad.length;
  for (const test of bad) print(`${test.status}: ${relative('.', name)} > ${test.fullName}`);
  if (status === 'failed' && bad.length === 0) {
    failed += 1;
    print(`failed: ${relative('.', name)}: ${message}`);
  }
}
// A step that broke without a failing test (a linter, an error outside of any test) is one failure.
const missing = results.length === 0 || results.some((tests) => tests.length === 0);
if (failed === 0 && (Number(broken) > 0 || missing)) failed = 1;
print(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && Number(broken) === 0 ? 0 : 1;

function print(line) {
  process.stdout.write(`${line}\n`);
}
