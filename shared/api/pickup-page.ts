/**
 * Where the pickup page is: for people, in HTML, so no part of the contract of the API. `token`: of their link; `action`: what
 * one of its forms asks for.
 */
export const pickupPageRoutes = [
  { methods: ['GET', 'HEAD'], path: '/p/{token}' },
  { methods: ['POST'], path: '/p/{token}/{action}' },
] as const;
