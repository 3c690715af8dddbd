"""How is a lineage looked at? As a picture in lanes, and as Mermaid for whoever writes Markdown."""
