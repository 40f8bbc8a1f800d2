/**
 * A service worker for web push: shows what campaigns send, and opens their links.
 *
 * Serve it from the root of your site as /push-worker.js; docs/providers.md has the page's part.
 */
self.addEventListener("push", (event) => {
  const { id, title, body, link } = event.data.json();
  event.waitUntil(
    // A message that comes twice has the same id, and takes its own place.
    self.registration.showNotification(title, { body, tag: id, data: { link } }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { link } = event.notification.data;
  if (link !== undefined) event.waitUntil(self.clients.openWindow(link));
});
