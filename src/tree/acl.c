/* SPDX-License-Identifier: MIT */
#include "tree/acl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/err.h"
#include "tree/schema_format.h"

#define PERMS 7u
#define MODE_BITS 0777u

/* The entries; *n of them. The length has been checked. */
static struct schema_acl_entry *entries(uint8_t *acl, size_t len, size_t *n)
{
	*n = (len - sizeof(struct schema_acl)) /
	     sizeof(struct schema_acl_entry);
	return (struct schema_acl_entry *)(acl + sizeof(struct schema_acl));
}

static const struct schema_acl_entry *entries_of(struct tt_slice acl, size_t *n)
{
	/* only looked at by whoever takes a const one */
	return entries((uint8_t *)(uintptr_t)acl.data, acl.len, n);
}

static bool is_laid_out(struct tt_slice acl)
{
	struct schema_acl head;

	if (acl.len < sizeof(head) ||
	    (acl.len - sizeof(head)) % sizeof(struct schema_acl_entry))
		return false;
	memcpy(&head, acl.data, sizeof(head));
	return le32_get(head.version) == SCHEMA_ACL_VERSION;
}

/* Tags rise, and only named users and groups come several times. */
static bool may_follow(unsigned before, unsigned tag)
{
	switch (tag) {
	case SCHEMA_ACL_USER:
	case SCHEMA_ACL_GROUP:
		return before <= tag;
	case SCHEMA_ACL_USER_OBJ:
	case SCHEMA_ACL_GROUP_OBJ:
	case SCHEMA_ACL_MASK:
	case SCHEMA_ACL_OTHER:
		return before < tag;
	default:
		return false;
	}
}

int acl_check(struct tt_slice acl)
{
	const unsigned all =
		SCHEMA_ACL_USER_OBJ | SCHEMA_ACL_GROUP_OBJ | SCHEMA_ACL_OTHER;
	const struct schema_acl_entry *e;
	unsigned before = 0, seen = 0;
	size_t n;

	if (!is_laid_out(acl))
		return err_set(-EINVAL, "an ACL of unknown layout");
	e = entries_of(acl, &n);
	for (size_t i = 0; i < n; i++) {
		unsigned tag = le16_get(e[i].tag);

		if (!may_follow(before, tag) || le16_get(e[i].perm) > PERMS)
			return err_set(-EINVAL, "an ACL with a bad entry");
		seen |= tag;
		before = tag;
	}
	if ((seen & all) != all)
		return err_set(-EINVAL, "an ACL without owner, group or other");
	if ((seen & (SCHEMA_ACL_USER | SCHEMA_ACL_GROUP)) &&
	    !(seen & SCHEMA_ACL_MASK))
		return err_set(-EINVAL, "an ACL that needs a mask");
	return 0;
}

bool acl_is_empty(struct tt_slice acl)
{
	return is_laid_out(acl) && acl.len == sizeof(struct schema_acl);
}

static void set_perm(struct schema_acl_entry *e, uint32_t perm)
{
	e->perm = le16_make((uint16_t)(perm & PERMS));
}

/* What holds the mode's bits for owner, group and others. */
struct classes {
	struct schema_acl_entry *owner, *group, *other;
};

static struct classes classes_of(uint8_t *acl, size_t len)
{
	struct classes c = { NULL, NULL, NULL };
	size_t n;
	struct schema_acl_entry *e = entries(acl, len, &n);

	for (size_t i = 0; i < n; i++) {
		switch (le16_get(e[i].tag)) {
		case SCHEMA_ACL_USER_OBJ:
			c.owner = &e[i];
			break;
		case SCHEMA_ACL_GROUP_OBJ:
		case SCHEMA_ACL_MASK: /* comes later, and wins */
			c.group = &e[i];
			break;
		case SCHEMA_ACL_OTHER:
			c.other = &e[i];
			break;
		default:
			break;
		}
	}
	assert(c.owner && c.group && c.other); /* acl_check() has seen them */
	return c;
}

uint32_t acl_mode(struct tt_slice acl)
{
	struct classes c = classes_of((uint8_t *)(uintptr_t)acl.data, acl.len);

	return (uint32_t)le16_get(c.owner->perm) << 6 |
	       (uint32_t)le16_get(c.group->perm) << 3 | le16_get(c.other->perm);
}

bool acl_is_mode(struct tt_slice acl)
{
	size_t n;

	(void)entries_of(acl, &n);
	return n == 3;
}

void acl_follow_mode(uint8_t *acl, size_t len, uint32_t mode)
{
	struct classes c = classes_of(acl, len);

	set_perm(c.owner, mode >> 6);
	set_perm(c.group, mode >> 3);
	set_perm(c.other, mode);
}

uint32_t acl_for_new(uint8_t *acl, size_t len, uint32_t mode)
{
	mode &= acl_mode(SLICE(acl, len));
	acl_follow_mode(acl, len, mode);
	return mode & MODE_BITS;
}
