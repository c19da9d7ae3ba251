import type { Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme';

export default {
  extends: DefaultTheme,
  enhanceApp: () => {
    if (import.meta.env.SSR) return;
    // The search cuts what is pasted after 64 characters, and the decisive words of an event stand at its end.
    document.addEventListener('focusin', ({ target }) => {
      if (target instanceof HTMLInputElement && target.id === 'localsearch-input') target.removeAttribute('maxlength');
    });
  },
} satisfies Theme;
