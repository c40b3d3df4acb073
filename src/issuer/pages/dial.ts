import { type Html, html } from './html.ts';

/**
 * How far the dial of the lock has been turned: 1 for somebody at the door, 5 for somebody who is
 * in, when the gaps of all rings line up.
 */
export type Turn = 1 | 2 | 3 | 4 | 5;

/** The dial behind a page. It says nothing that the words do not say. */
export const dial = (turn: Turn): Html => html`<div class="stage" aria-hidden="true">
<div class="dial turn-${turn}">
<svg class="ring one" viewBox="-500 -500 1000 1000" fill="none">
<circle class="ticks" r="474" stroke-width="22" pathLength="360" stroke-dasharray=".5 5.5" stroke-dashoffset="-3"/>
<circle class="edge" r="440" stroke-width="2"/>
<circle class="band" r="402" stroke-width="64" pathLength="360" stroke-dasharray="352 8" stroke-dashoffset="-4"/>
<rect class="notch" x="366" y="-5" width="72" height="10" rx="5"/>
</svg>
<svg class="ring two" viewBox="-500 -500 1000 1000" fill="none">
<circle class="edge" r="350" stroke-width="2"/>
<circle class="ticks" r="334" stroke-width="12" pathLength="360" stroke-dasharray=".7 11.3" stroke-dashoffset="-3"/>
<circle class="band" r="286" stroke-width="64" pathLength="360" stroke-dasharray="348 12" stroke-dashoffset="-6"/>
<rect class="notch" x="250" y="-5" width="72" height="10" rx="5"/>
</svg>
<svg class="ring three" viewBox="-500 -500 1000 1000" fill="none">
<circle class="edge" r="234" stroke-width="2"/>
<circle class="band" r="180" stroke-width="76" pathLength="360" stroke-dasharray="342 18" stroke-dashoffset="-9"/>
<rect class="notch" x="138" y="-5" width="84" height="10" rx="5"/>
<circle class="edge" r="124" stroke-width="2"/>
<path class="bit" d="M34 -22.9A41 41 0 1 0 34 22.9L92 34V-34Z"/>
</svg>
</div>
</div>`;

/** The dial as a mark of a few pixels. */
export const MARK = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" \
stroke="currentColor" stroke-width="3" stroke-linecap="round"><path d="M27.9 12.3A12.5 12.5 0 1 1 \
24.5 6.8"/><path d="M21 18.4a5.6 5.6 0 1 1 .4-4"/><path d="M17 16h11.5"/></svg>`;
