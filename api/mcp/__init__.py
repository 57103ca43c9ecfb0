"""An MCP server: an assistant looks at the queue and decides about leads, with the rights of one person."""
