import { defineConfig } from 'vite';

export default defineConfig({
  // A package that is a link to a folder is otherwise served as it lies there.
  optimizeDeps: { include: ['keyturn/client'] },
});
