// CInit
