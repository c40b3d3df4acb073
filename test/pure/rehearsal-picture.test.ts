import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawRehearsal } from '../../src/issuer/keys/rehearsal/picture.ts';
import { createTimeScale } from '../../src/issuer/keys/rehearsal/picture-scale.ts';
import { defaultPlan, type RehearsalPlan } from '../../src/issuer/keys/rehearsal/plan.ts';
import { rehearse } from '../../src/issuer/keys/rehearsal/rehearse.ts';
import { VERIFIER_KINDS } from '../../src/issuer/keys/verifiers.ts';
import { seconds, times } from '../../src/kit/duration.ts';
import { config } from '../support/config.ts';
import { readXml } from '../support/xml.ts';

const POLICY = config().times;
const DAY = seconds(86_400);

const draw = (plan: Partial<RehearsalPlan> = {}, policy = POLICY): string =>
  drawRehearsal(rehearse(policy, { ...defaultPlan(policy), ...plan }));

describe('the picture', () => {
  test('is well-formed, stands alone and has a lane for each key and verifier', () => {
    const svg = draw();
    expect(readXml(svg).get('svg')).toBe(1);
    expect(svg).not.toMatch(/href|url\(|@import|<script/);
    const lanes = svg.match(/class="lane"/g);
    // A to E signed or sign, F waits.
    expect(lanes).toHaveLength(6 + VERIFIER_KINDS.length);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).toContain('No honest token is rejected.');
    expect(svg).not.toContain('class="rejects" x="2');
  });

  test('shows refusals, early fetches and a revocation', () => {
    const events = [
      ...defaultPlan(POLICY).events,
      { at: times(40, DAY), do: 'revoke', key: 'active', immediately: true },
    ] as const;
    const svg = draw({ events }, { ...POLICY, verifierCacheTtl: times(600, seconds(1)) });
    readXml(svg);
    expect(svg).toContain('class="revoked"');
    const legend = 1;
    expect(svg.match(/class="rejects"/g)?.length).toBeGreaterThan(legend + VERIFIER_KINDS.length);
    expect(svg).toContain(
      `rejected by ${VERIFIER_KINDS.length} of ${VERIFIER_KINDS.length} verifiers.`,
    );
  });

  test('takes any name of a verifier', () => {
    const [some] = VERIFIER_KINDS;
    if (!some) throw new Error('no verifier');
    const name = '</svg><script>"&\u0000\ud800 ]]>';
    const svg = draw({ verifiers: [{ ...some, name }] });
    readXml(svg);
    expect(svg).not.toContain('<script');
  });

  test('leaves keys out when they are too many, and says so', () => {
    const svg = draw({ length: times(60, POLICY.keyRotationInterval) });
    readXml(svg);
    expect(svg).toContain('the first 40 of ');
  });

  test('of a plan without any rotation is one too', () => {
    readXml(draw({ length: seconds(1), events: [] }));
  });
});

describe('the scale', () => {
  const scale = createTimeScale(
    [0, 1, 30, 31].map((n) => new Date(times(n, DAY))),
    600,
  );

  test('never runs backwards, and gives minutes after a milestone room', () => {
    let last = -1;
    for (let minute = 0; minute <= 31 * 24 * 60; minute += 7) {
      const x = scale.x(new Date(minute * 60_000));
      expect(x).toBeGreaterThan(last);
      last = x;
    }
    const soon = scale.x(new Date(+times(1, DAY) + 15 * 60_000));
    expect(soon - scale.x(new Date(times(1, DAY)))).toBeGreaterThan(20);
  });

  test('ends where it ends', () => {
    expect(scale.x(new Date(times(31, DAY)))).toBeCloseTo(scale.width);
    expect(scale.x(new Date(times(99, DAY)))).toBeCloseTo(scale.width);
    expect(scale.width).toBeGreaterThanOrEqual(600);
  });
});

test('the picture in the documentation is the one that is drawn today', () => {
  const path = join(import.meta.dirname, '../../docs/rehearsal.svg');
  // Made anew by: npm run -s keyturn -- keys rehearse --svg docs/rehearsal.svg
  expect(readFileSync(path, 'utf8')).toBe(draw());
});
