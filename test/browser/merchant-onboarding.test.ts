import { widgets } from 'perdure/machines/merchant-onboarding';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { OpenChromium } from './chromium.ts';
import { isChromiumThere, openChromium } from './chromium.ts';
import type { ServedPage } from './served-page.ts';
import { servePage } from './served-page.ts';

const hourMs = 60 * 60_000;

/** What a page shows comes soon, however busy the machine is. */
const patience = { timeout: 10_000, interval: 20 };

/** In the order of the page. */
const labels = ['Upload the document', 'Approve', 'Reject', 'Log in'];

const allCalls = [
  'document.fetch 1',
  'kyc.verify 1',
  'sanctions.screen 1',
  'profile.create 1',
  'settlement.open 1',
  'credentials.issue 1',
  'risk-limits.set 1',
  'dashboard.seed 1',
  ...widgets.map(() => 'widget.seed 1'),
  'welcome.send 1',
];

describe.skipIf(!isChromiumThere)('in Chromium the merchant onboarding', () => {
  let chromium: OpenChromium;
  let served: ServedPage;

  beforeAll(async () => {
    [served, chromium] = await Promise.all([servePage(), openChromium()]);
  }, 60_000);

  afterAll(async () => {
    await chromium.close();
    await served.close();
  });

  /** A page with one merchant, at a clock that stands still unless it is told to pass. */
  async function open(search = '') {
    const page = await chromium.browser.newPage();
    const errors: string[] = [];
    const origins = new Set<string>();
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('request', (request) => origins.add(new URL(request.url()).origin));
    onTestFinished(async () => {
      await page.close();
      expect(errors).toEqual([]);
      expect([...origins]).toEqual([served.origin]);
    });
    const now = Date.UTC(2030, 0, 1);
    await page.clock.install({ time: now });
    await page.clock.pauseAt(now);
    await page.goto(`${served.origin}/${search}`);
    return showing(page);
  }

  test('is bundled through the package’s doors, without anything of the runtime or of Node', () => {
    expect(served.files).toContain('machines/merchant-onboarding.ts');
    expect(served.files).toContain('src/authoring.ts');
    const own = /^(src\/(authoring\.ts|kernel\/)|machines\/|test\/browser\/page\/|playground\/onboarding\/state-text\.ts)/;
    expect(served.files.filter((file) => !own.test(file) && !/^node_modules\/(xstate|nanoid|@noble\/hashes)\//.test(file))).toEqual([]);
  });

  test('goes live, and a login cancels the follow-up email', async () => {
    const { state, buttons, click, calls, output, pass } = await open();
    await state('awaitingFirstLogin', 'live');
    expect(await buttons()).toEqual(['Log in']);
    await click('Log in');
    await state('live', 'live');
    await pass(48 * hourMs);
    expect(await calls()).toEqual(allCalls);
    expect(await output()).toMatchObject({ merchantId: 'm-1', account: 'account-1', keyId: 'key-1', hasLoggedIn: true });
    expect(await output()).not.toHaveProperty('followUp');
    expect(await buttons()).toEqual([]);
  });

  test('sends the follow-up email when nobody logs in for a day, and not before', async () => {
    const { state, calls, output, pass } = await open();
    await state('awaitingFirstLogin', 'live');
    await pass(24 * hourMs - 1);
    await state('awaitingFirstLogin', 'live');
    expect(await calls()).toEqual(allCalls);
    await pass(1);
    await state('live', 'live');
    expect(await calls()).toEqual([...allCalls, 'follow-up.send 1']);
    expect(await output()).toMatchObject({ hasLoggedIn: false, followUp: 'sent' });
  });

  test('waits for a missing document, and moves on when it is uploaded', async () => {
    const { state, buttons, click, calls } = await open('?missing');
    await state('awaitingDocument', 'needs-document');
    expect(await buttons()).toEqual(['Upload the document']);
    expect(await calls()).toEqual(['document.fetch 1']);
    await click('Upload the document');
    await state('awaitingFirstLogin', 'live');
    expect(await calls()).toEqual(allCalls);
  });

  test('rejects a merchant whose document is still missing when its time is over', async () => {
    const { state, output, buttons, pass } = await open('?missing');
    await state('awaitingDocument', 'needs-document');
    await pass(5 * 24 * hourMs);
    await state('rejected', 'failed');
    expect(await output()).toMatchObject({ error: { name: 'DocumentMissing' } });
    expect(await buttons()).toEqual([]);
  });

  test('rejects a merchant whose documents are refused, without asking again', async () => {
    const { state, output, calls } = await open('?refused');
    await state('rejected', 'failed');
    expect(await output()).toMatchObject({ error: { name: 'KycRefused', message: 'scan-1 has expired' } });
    expect(await calls()).toEqual(['document.fetch 1', 'kyc.verify 1']);
  });

  test('waits for a person when there is a possible match, and goes on when it is approved', async () => {
    const { state, buttons, click, output } = await open('?match');
    await state('awaitingDecision.inTime', 'needs-decision');
    expect(await buttons()).toEqual(['Approve', 'Reject']);
    await click('Approve');
    await state('awaitingFirstLogin', 'live');
    await click('Log in');
    await state('live', 'live');
    expect(await output()).toMatchObject({ decidedBy: 'Olga', match: { entry: 'SDN-7' } });
  });

  test('escalates a match that nobody decides, and ends rejected when it is rejected', async () => {
    const { state, buttons, click, output, pass } = await open('?match');
    await state('awaitingDecision.inTime', 'needs-decision');
    await pass(8 * hourMs);
    await state('awaitingDecision.escalated', 'escalated needs-decision');
    expect(await buttons()).toEqual(['Approve', 'Reject']);
    await click('Reject');
    await state('rejected', 'failed');
    expect(await output()).toMatchObject({ error: { name: 'SanctionsHit' }, decidedBy: 'Olga' });
  });

  test('asks a broken provider as often as its policy says, in one state, and then fails', async () => {
    const { state, output, calls, pass } = await open('?broken=settlement.open');
    await state('openingSettlement', '');
    for (let attempt = 2; attempt <= 8; attempt += 1) {
      await pass(5_000);
      await vi.waitFor(async () => expect((await calls()).at(-1)).toBe(`settlement.open ${attempt}`), patience);
    }
    await state('failed', 'failed');
    expect(await output()).toMatchObject({ error: { name: 'ProviderUnavailable', message: 'settlement.open answered 503' } });
    expect((await calls()).filter((call) => call.startsWith('settlement.open'))).toHaveLength(8);
  });
});

/** What a page shows, and what its visitor does. */
function showing(page: Page) {
  return {
    /** Waits until the page shows this state with these tags. */
    state: async (value: string, tags: string): Promise<void> =>
      vi.waitFor(async () => expect([await page.textContent('#state'), await page.textContent('#tags')]).toEqual([value, tags]), patience),
    /** Labels of the buttons that can be pressed. */
    buttons: async (): Promise<string[]> => {
      expect(await page.locator('button').allTextContents()).toEqual(labels);
      return page.locator('button:enabled').allTextContents();
    },
    click: async (label: string): Promise<void> => page.getByRole('button', { name: label, exact: true }).click(),
    calls: async (): Promise<string[]> => page.locator('#calls li').allTextContents(),
    output: async (): Promise<unknown> => JSON.parse((await page.textContent('#output')) ?? ''),
    /** Lets time pass on the page: whatever is due meanwhile happens at its end. */
    pass: async (ms: number): Promise<void> => page.clock.fastForward(ms),
  };
}
