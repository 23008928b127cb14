/** A page that takes one merchant through the onboarding in a plain `createActor`, with a button for each signal. */
import type { MerchantEvent } from 'perdure/machines/merchant-onboarding';
import { createActor } from 'xstate';
import { stateText } from '../../../playground/onboarding/state-text.ts';
import { machineOn } from './world.ts';

const merchant = { merchantId: 'm-1', name: 'Blue Fig Coffee', country: 'PT', owner: 'Ana Reis', email: 'ana@example.com' };

const signals: readonly { readonly label: string; readonly event: MerchantEvent }[] = [
  { label: 'Upload the document', event: { type: 'DOCUMENT_UPLOADED', document: 'scan-2' } },
  { label: 'Approve', event: { type: 'APPROVE', by: 'Olga' } },
  { label: 'Reject', event: { type: 'REJECT', by: 'Olga' } },
  { label: 'Log in', event: { type: 'LOGGED_IN' } },
];

function shown<Name extends keyof HTMLElementTagNameMap>(name: Name, id: string, text = ''): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), { id, textContent: text });
  document.body.append(element);
  return element;
}

const state = shown('h1', 'state');
const tags = shown('p', 'tags');
const buttons = signals.map(({ label, event }) => ({ button: shown('button', event.type, label), event }));
const output = shown('pre', 'output');
const calls = shown('ol', 'calls');

const machine = machineOn(new URLSearchParams(location.search), (call) => {
  calls.append(Object.assign(document.createElement('li'), { textContent: call }));
});
const actor = createActor(machine, { input: merchant });
actor.subscribe((snapshot) => {
  state.textContent = stateText(snapshot.value);
  tags.textContent = [...snapshot.tags].sort().join(' ');
  for (const { button, event } of buttons) button.disabled = !snapshot.can(event);
  output.textContent = snapshot.output === undefined ? '' : JSON.stringify(snapshot.output);
});
for (const { button, event } of buttons) button.addEventListener('click', () => actor.send(event));
actor.start();
