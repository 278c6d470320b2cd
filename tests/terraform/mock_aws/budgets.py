"""Budgets."""

import json


def extend():
    """Who is told of a budget, and its tags."""
    from moto.budgets.responses import BudgetsResponse

    subscribers, tags = {}, {}

    def key(budget, notification):
        return budget, json.dumps({k: v for k, v in sorted(notification.items()) if k != "NotificationState"})

    create_budget, create_notification = BudgetsResponse.create_budget, BudgetsResponse.create_notification

    def remember_all(self):
        for each in self._get_param("NotificationsWithSubscribers", []) or []:
            subscribers[key(self._get_param("Budget")["BudgetName"], each["Notification"])] = each["Subscribers"]
        tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags") or []
        return create_budget(self)

    def remember(self):
        subscribers[key(self._get_param("BudgetName"), self._get_param("Notification"))] = self._get_param("Subscribers")
        return create_notification(self)

    def describe(self):
        found = subscribers.get(key(self._get_param("BudgetName"), self._get_param("Notification")), [])
        return json.dumps({"Subscribers": found})

    def list_tags(self):
        return json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN").split("/")[-1], [])})

    def update_budget(self):
        # The provider also does when only tags are others.
        budget = self._get_param("NewBudget")
        self.backend.budgets[self._get_param("AccountId")][budget["BudgetName"]].budget.update(budget)
        return "{}"

    def tag(self):
        added = self._get_param("ResourceTags")
        budget = self._get_param("ResourceARN").split("/")[-1]
        tags[budget] = [t for t in tags.get(budget, []) if t["Key"] not in [a["Key"] for a in added]] + added
        return "{}"

    def untag(self):
        budget = self._get_param("ResourceARN").split("/")[-1]
        tags[budget] = [t for t in tags.get(budget, []) if t["Key"] not in self._get_param("ResourceTagKeys")]
        return "{}"

    BudgetsResponse.list_tags_for_resource = list_tags
    BudgetsResponse.update_budget = update_budget
    BudgetsResponse.tag_resource, BudgetsResponse.untag_resource = tag, untag
    BudgetsResponse.create_budget, BudgetsResponse.create_notification = remember_all, remember
    BudgetsResponse.describe_subscribers_for_notification = describe
