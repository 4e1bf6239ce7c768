// A page that is opened from disk may not fetch others: search lists the titles it found, without their first lines.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
