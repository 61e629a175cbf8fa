"""The weekly column: what a week brought, in sentences, in English and in Chinese."""
