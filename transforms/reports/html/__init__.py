"""A report as one self-contained HTML page: findings, and what the run contains, in pictures."""

from transforms.reports.html.page import as_html

__all__ = ["as_html"]
