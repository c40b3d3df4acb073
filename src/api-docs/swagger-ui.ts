const packed = (name: string): URL => new URL(`./static/${name}.br`, import.meta.url);

/**
 * The copy of Swagger UI (Apache-2.0) that is served, made by `npm run viewer` from the package
 * `swagger-ui-dist`, whose twelve megabytes nobody has to install who merely runs this.
 */
export const SWAGGER_UI = {
  version: '5.35.0',
  files: [
    {
      name: 'bundle.js',
      type: 'text/javascript; charset=utf-8',
      of: 'swagger-ui-bundle.js',
      url: packed('swagger-ui-bundle.js'),
    },
    {
      name: 'style.css',
      type: 'text/css; charset=utf-8',
      of: 'swagger-ui.css',
      url: packed('swagger-ui.css'),
    },
  ],
} as const;
