# What it may cost in a month. The tag has to be switched on as a tag of cost allocation, once for an account; until then
# the budget sees nothing.

resource "aws_budgets_budget" "this" {
  count = var.budget_usd == null ? 0 : 1

  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget_usd)
  limit_unit   = "USD"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Deployment$%s", var.name)]
  }

  dynamic "notification" {
    # 80 % of it is spent; all of it will be, going on like this. Documented under #alarm-budget.
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }

  tags = local.tags
}
