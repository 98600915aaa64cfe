// CInitPlan
