"""The SDR who writes, as each platform calls them."""

SAM = "sam"
