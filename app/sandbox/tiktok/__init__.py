"""A TikTok that behaves like TikTok: Login Kit and the Content Posting API, enforced strictly."""
