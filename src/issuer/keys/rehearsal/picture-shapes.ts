import { escapeXml } from './picture-style.ts';

/** A box with round corners. */
export const rect = (
  style: string,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): string =>
  `<rect class="${style}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"${radius ? ` rx="${radius}"` : ''}/>`;

/** A line of text. */
export const text = (style: string, x: number, y: number, content: string): string =>
  `<text class="${style}" x="${round(x)}" y="${round(y)}">${escapeXml(content)}</text>`;

/** To a tenth of a pixel. */
export const round = (n: number): number => Math.round(n * 10) / 10;
