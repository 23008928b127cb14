import type { MerchantContext } from './merchant.ts';

/** What a dashboard shows, from the top. */
export const widgets = ['sales-today', 'payouts', 'balance', 'disputes', 'refunds', 'fees', 'top-products', 'customers'] as const;

/** How they are seeded: half of them at once, and a dashboard that lacks one is better than none. */
export const widgetSeeding = { concurrency: 4, tolerate: { count: 1 } } as const;

export interface WidgetInput {
  readonly merchantId: string;
  readonly dashboard: string;
  /** One of `widgets`. */
  readonly widget: string;
}

export function widgetsFor({ merchant, dashboard = '' }: MerchantContext): WidgetInput[] {
  return widgets.map((widget) => ({ merchantId: merchant.merchantId, dashboard, widget }));
}

/** @param seeded what those that were seeded said of themselves */
export function missingOf(seeded: readonly { readonly widget: string }[]): string[] {
  const there = new Set(seeded.map(({ widget }) => widget));
  return widgets.filter((widget) => !there.has(widget));
}
